"""HL7 feeds: reads messages from files, from the line (MLLP) and from Kafka, and writes facts.

What a message means is for `analyzer.hl7`.
"""
