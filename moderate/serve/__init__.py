"""The service: `moderate serve` (the extra ``serve``).

Data flows one way: connection -> observe -> limits -> access -> app -> one of three adapters. An adapter (`own`,
`perspective`, `coral`) is made of pure functions from request to response, and knows nothing of the web framework.
"""
