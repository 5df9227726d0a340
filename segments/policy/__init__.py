"""The policy engine: values in, a decision out. Standard library only; no clock, settings, logging or I/O."""
