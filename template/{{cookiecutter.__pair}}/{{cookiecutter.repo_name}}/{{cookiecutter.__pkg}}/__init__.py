"""Reads handwritten digits: data, features, a network, training, prediction and a REST API.

Start with ``python -m`` and the name of this package; every command explains itself with
``--help``. What you will change first: ``dataset/make_dataset.py`` (where the data comes from),
``features/build_features.py`` (what the network sees) and ``models/network.py`` (the network).
"""

import sys

# The platform starts plain ``deepaas-run``, which imports this package through its entry point:
# the one moment at which DEEPaaS can be put right before it serves. Nothing else pays for it.
if "deepaas.model.v2" in sys.modules:
    from .models import deepaas_fixes

    deepaas_fixes.apply()
