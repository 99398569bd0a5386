/// A client's conversation with any host.
func examine(_ bytes: [UInt8]) throws { try ClientConversation.play(bytes) }
