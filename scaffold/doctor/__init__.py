"""`scaffold doctor`: what of this machine and this module is in order, and how to mend the rest."""
