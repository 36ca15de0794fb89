"""How many stations load a broker and BEMCom's API how much.

By calculation (`campus`, `sizing`) and by a scaled run with real connectors
and a real broker (`run`); both together make docs/scaling.md.
"""
