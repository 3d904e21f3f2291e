"""The doors: one module a command family. The only code that knows everybody."""
