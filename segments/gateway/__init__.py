"""The gateway, and configurations for other proxies: web resources in, text out; and the programs that run Envoy."""
