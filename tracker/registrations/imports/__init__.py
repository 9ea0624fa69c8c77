"""Import of people, registrations and allocations from one CSV file: docs/formats.md, People."""
