"""What the facts about a station mean for the person who looks at it."""
