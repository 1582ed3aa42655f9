"""Pub/Sub on one machine: topics, pull and push subscriptions, dead letters.

Read in this order: `emulator` (how it is started), `broker` (what a message goes through),
`backlog` (what one subscription still owes), `push` (who calls the push endpoints).
"""
