"""What drops a conversation: one file a rule, and one row of RULES in rules.py."""
