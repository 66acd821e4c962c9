"""HL7 feeds: reads messages from files, from MLLP connections and from Kafka, and writes facts.

`analyzer.hl7` translates the messages.
"""
