"""Messages in the form of Baileys, the library that many unofficial WhatsApp APIs are built on.

Shared by wasender, evolution and waha (keys, and the content of its NOWEB and GOWS engines).
"""
