"""The working copy of a unit being read in: what a person changes before it is published. No Flask, no database.

A working copy is the unit's JSON as the reader made it, except that each criterion and each evidence requirement has
a `key` that stays when others come and go, and names its parent by that key. Beside them stand `warnings`,
`unparsed`, `dropped` and `places` (which source lines each key came from). Every function here takes one and gives
back another.
"""
