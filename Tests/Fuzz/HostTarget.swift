/// Whole conversations at a host: many connections, any bytes, any time.
func examine(_ bytes: [UInt8]) throws { try Conversation.play(bytes) }
