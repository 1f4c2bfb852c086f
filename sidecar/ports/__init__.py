"""What the rules and the runtime need from outside: one small Protocol per file.

May import: domain. Each port has one contract suite in tests/contracts, run on every fulfilment.
"""
