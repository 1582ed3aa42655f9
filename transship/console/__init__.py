"""The page: what people see of the fleet, and the messages that its forms publish."""
