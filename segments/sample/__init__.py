"""A sample policy, and sample applications to reach under it."""
