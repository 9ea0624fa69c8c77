"""Text of office documents and emails, for previews; it runs in a sandboxed subprocess.

Tracked changes and comments are written out in square brackets, with their authors.
"""
