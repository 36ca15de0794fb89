"""Bytes and their meaning: fields, messages, commands."""
