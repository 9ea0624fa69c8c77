"""The working copy of a unit: what a person changes after the reader and before publishing. No Flask, no database.

A working copy is the unit as the reader made it, with a `key` for each criterion and evidence requirement. The key
stays when others are added or removed, and names the stem of an item. The copy also holds the reader's doubts, the
text not used, the dropped criteria and the source lines of each key (`places`).

`working_copy` has the classes and their JSON. `criteria` and `units` have the changes: each takes a working copy and
returns another, and does not change the one passed in. `problems` tells what prevents publishing.
"""
