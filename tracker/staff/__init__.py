"""The staff register of a centre: awards, occupational competence, CPD and declared interests of those who assess."""
