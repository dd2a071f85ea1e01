"""docs/protocols.md a second time; section numbers are those of that page.

Every gate is a function of the dealer, who has both seeds, and one of a server, who has its own and what it is sent. A
server's function yields what it sends and is given what the other sent.
"""
