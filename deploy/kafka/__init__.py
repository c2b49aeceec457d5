"""A real Apache Kafka on this machine without Docker: one node, loopback only, from Maven Central's jars."""
