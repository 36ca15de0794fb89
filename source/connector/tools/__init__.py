"""Tools for the person at the switchboard, one module for each.

`app` has the command line; `interview`, `line` and `broker` talk to stations
and broker; what is made of the answers is pure and stands in the module that
bears the command's name.
"""
