"""What several test folders build on: commands, small models, studies, and how two warehouses are compared."""
