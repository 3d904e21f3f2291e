"""Turns requests into completions: servers with their APIs, pools of servers, and engines without a server."""
