"""The standards model: documents, schema, comparison and formats of units, qualifications and guidance."""
