"""What `manage.py policy` can do, one verb a module: its arguments, and what it does with them."""
