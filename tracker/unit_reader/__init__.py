"""Reader of published documents: text, HTML, DOCX or PDF in, one unit of the standards model out.

It uses no Flask, no database and no network. `sandboxed_reader.read_document` is the way in for the rest of the
product; it starts `reader_subprocess`, because documents come from outside and may be made to do harm.

The path of a document, from its bytes to a unit:

1. `file_format` detects the format from the bytes.
2. `extraction` extracts the lines: `plain_text`, `html`, `docx` and `pdf`, each with modules of its own.
3. `cleaning` removes markup and invisible characters. `page_headers` finds page headers, footers and page numbers,
   `side_headings` brings headings printed beside their text above it, `line_wrapping` tells which lines were wrapped,
   `tables` turns tables into lines.
4. `sections` splits the lines into sections, by the headings that `headings` recognises.
5. `statements` splits a section of criteria into statements. `markers` parses numbers, letters and bullets,
   `separate_labels` joins labels that stand on lines of their own to their texts, `nesting` decides how deep a
   statement is, `criteria_ranges` reads what is said of several criteria at once, `unlabelled_statements` splits
   sections without any marker, `learning_outcomes` splits sections of outcomes and assessment criteria, and
   `criteria` gives each statement its label and position. `text_sections` reads the sections that hold no criteria.
6. `identity` reads the title and the codes, `metadata` the names and values such as `Level: 3`.
7. `assembly` runs steps 3 to 7 and assembles the unit, with the doubts. `guidance` is for documents that are learning
   guidance and no unit.

`phrases` holds the wording by which published documents name their parts. `document_model` holds the classes that the
steps pass on, each made from the ones before:

- `Line`: one line of the document as extracted; `SourceText` holds all of them.
- `CleanLine`: a `Line` after cleaning, or several that were joined, with the numbers of the lines it came from.
- `Section`: a heading and the clean lines under it, and the `Part` of a unit that it is.
- `Statement`: one item of a section, from one or more clean lines; `SectionStatements` holds those of a section.
- `UnitReading`: the result, which is the unit with the doubts, the unused text, and the lines behind each criterion.

The reader reports what it is unsure of as a `Doubt` that names the lines. Text that it could not use is returned as
`UnusedText`. The documents that it must read correctly are in `tests/unit_reader/corpus`.
"""
