"""The network and everything that is done with it.

Three of these files know the framework: ``framework.py`` (device, precision, versions),
``network.py`` (the network, and its files) and ``loop.py`` (its training). The rest calls them.
"""
