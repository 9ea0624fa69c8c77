"""The working copy of a unit: what a person changes after the reader and before publishing. No Flask, no database.

A working copy is the unit as the reader made it, with a `key` for each criterion and evidence requirement. The key
stays when others are added or removed, and names the stem of an item. The copy also holds the reader's doubts, the
text not used, the dropped criteria and the source lines of each key (`places`). Every function here takes a working
copy and returns another; the one passed in is not changed.
"""
