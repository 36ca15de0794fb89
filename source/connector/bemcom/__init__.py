"""KEBA's values and commands as BEMCom's datapoints and messages."""
