"""What a command does from beginning to end: one image or many, its result, its history."""
