"""What others take qmpconf by: the wheel's completions, the pre-commit hook, the action, the container file."""
