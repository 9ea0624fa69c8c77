"""The library in the database: units, qualifications, guidance and links, with their pages."""
