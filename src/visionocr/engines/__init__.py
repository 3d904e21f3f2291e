"""A request becomes a completion: servers in their wire languages, pools of them, and engines without a server."""
