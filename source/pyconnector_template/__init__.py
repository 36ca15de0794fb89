"""BEMCom's Python connector template, written anew behind the same names.

Connectors import from ``pyconnector_template.pyconnector_template`` and
``pyconnector_template.dispatch``, as they do with the upstream template.
"""
