"""The connector at work, without a charge station and without a broker."""
