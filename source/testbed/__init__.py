"""What tests and measuring programs stand on: broker, connector, stations."""
