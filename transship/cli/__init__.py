"""The command `transship`: one module for each group of verbs, and what they share.

Nothing here decides anything that a function decides as well: verbs publish the messages that
everybody may publish, and read the records that the cloud keeps.
"""
