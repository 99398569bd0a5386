/// Every bound of the protocol and of what this program keeps for it, each with its reason.
package enum Limits {
  /// Bytes of a line from a client, its LF included (PROTOCOL.md, section 1).
  package static let clientLine = 65_536
  /// Bytes of a line from a host, its LF included (section 1): what fits in a client's line fits
  /// here together with the keys that the host adds.
  package static let hostLine = 131_072
  /// Bytes of a message around its text that are remembered for each client, see ``ChatForm``: with a
  /// `sid` of 32 and `n` there are some 100.
  static let chatForm = 256
  /// Objects and arrays inside each other, the packet's own object being the first (section 1):
  /// enough for every packet there is, and it bounds the reader's recursion.
  package static let nesting = 8
  /// The largest integer every JSON reader keeps exactly, 2^53 - 1 (RFC 8259, section 6).
  package static let largestInteger: Int64 = 9_007_199_254_740_991
  /// Unicode scalars of a name (section 4).
  package static let nameLength = 24
  /// Length of a `sid` (section 5).
  package static let senderIDLength = 16...32
  /// Characters of a token that a client brings (section 7).
  package static let tokenLength = 128

  /// Bytes of packets that a connection may send before it is admitted (section 4).
  package static let bytesBeforeAdmission = 8_192
  /// The whole of admission, from the accept, in nanoseconds (section 4).
  package static let admissionTime = seconds(10)
  /// Bans of addresses: each newcomer is held against all of them.
  package static let bans = 1_000
  /// Sources of password guesses that are told apart (section 4).
  package static let throttledSources = 65_536
  /// How long a host with TLS waits for the first byte before it says in clear what it wants, in
  /// nanoseconds (section 2).
  package static let firstByteTime = seconds(1)
  /// Silence after `hello` that makes a client one of version 1, in nanoseconds (section 4).
  package static let versionOneTime: UInt64 = 250_000_000
  /// Connections that wait for admission at a time (section 4)...
  package static let pendingAdmissions = 1_024
  /// ...from this many on a growing share of new ones is refused at random, so that a flood does
  /// not shut out everybody else.
  package static let pendingAdmissionsUnrefused = 512

  /// Silence after which a side sends `ping`, in nanoseconds (section 5).
  package static let silenceBeforePing = seconds(30)
  /// Silence after which a side gives the connection up, in nanoseconds (section 5).
  package static let silenceBeforeEnd = seconds(75)
  /// How long a member whose connection was lost keeps its place, in nanoseconds (section 5).
  package static let lostMemberGrace = seconds(5)
  /// How often a message to such a member is tried again, in nanoseconds: a person does not notice it,
  /// and a hundred tries cost less than one TLS handshake.
  package static let awayRecipientTime: UInt64 = 50_000_000
  /// Joins and leaves a second that are announced one by one; the rest is folded (section 5).
  package static let announcementsPerSecond = 10
  /// Names in one `members` packet (section 5).
  package static let membersListed = 1_000
  /// Senders' ids whose last `n` the host keeps (section 7).
  package static let sendersRemembered = 65_536

  /// Bytes a client may be behind when it also takes nothing for ``lagTime``: the default of
  /// `--max-lag`.
  package static let lag = 8 << 20
  /// A client over its lag is cut once it has taken no byte for this long, in nanoseconds.
  package static let lagTime = seconds(10)
  /// A client that takes a byte now and then would never be cut by ``lagTime`` and would hold the
  /// log in memory for ever: at this many times `--max-lag` it is cut all the same.
  package static let lagCeilingFactor = 8
  /// Bytes that wait for one client alone (answers, private messages). Over it the client is not
  /// read until it takes some. They count as lag, so private messages from others are bounded too.
  package static let outbox = 256 << 10
  /// Bytes of a client's output that nobody has read yet. Over it the room is not read either, and
  /// cuts the client by its own rule.
  package static let unreadOutput = 256 << 10
  /// The least time between two drawings of the prompt, in nanoseconds: nobody sees more than 60 a
  /// second, and each costs the terminal as much as many messages.
  package static let drawingTime: UInt64 = 16_666_667
  /// How long what follows an ESC may take to come, in nanoseconds: a terminal sends a paste's
  /// beginning at once, but it may be read in two parts.
  package static let escapeTime: UInt64 = 10_000_000
  /// Messages that a client said and that are not known to be in the room: over it no more input is
  /// read...
  package static let unsettledMessages = 1_000
  /// ...nor over so many bytes of them.
  package static let unsettledBytes = 1 << 20
  /// Bytes of missed packets that a client holds back to say how many they are. Of more it says so
  /// much at the least, and shows them as they come.
  package static let backlogHeld = 4 << 20
  /// Lines that a host writes to its operator's log in a second; those that attackers or a whole
  /// office coming back would add are counted.
  package static let operatorLogLinesPerSecond = 100
  /// Lines that wait for a log that is written slowly.
  package static let operatorLogLines = 1_000
  /// How long the host's workers are waited for when they are asked something, in nanoseconds.
  package static let surveyTime = seconds(2)
  /// Bytes of a file of arguments: nobody writes so many.
  package static let argumentFile = 65_536
  /// Those who are told the metrics at a time: one or two are usual.
  package static let metricsClients = 16
  /// How long a client of the metrics is given for all of its request and its answer, in nanoseconds.
  package static let metricsTime = seconds(5)
  /// How old metrics may be, in nanoseconds: asking for them more often costs the workers nothing.
  package static let metricsAge = seconds(1)
  /// Bytes of a request for metrics.
  package static let metricsRequest = 8_192
  /// Lines of the host's own that wait for its screen.
  package static let screenNotes = 10_000
  /// How long a closing connection is given to take what it was still sent, in nanoseconds.
  package static let farewellTime = seconds(2)
  /// Bytes that are thrown away of one that sends on meanwhile: more than the two kernels hold, so
  /// more than it can have sent before it knew.
  package static let farewellBytes = 16 << 20

  /// Past packets that a host keeps by default (`--history`)...
  package static let history = 1_000
  /// ...and their bytes for each 1,000 of them.
  package static let historyBytes = 4 << 20

  /// Members that a log file may say are in the room: as many as `--max-clients` allows.
  package static let membersRestored = 1_000_000
  /// Lines of a log file that one step of a room takes, such as everybody leaving at once...
  package static let linesOfAStep = 2 * membersRestored
  /// ...and the bytes of its packets.
  package static let bytesOfAStep = 64 << 20
  /// Ids that a host leaves out when its room went on without its log file: more than it can have
  /// given, and few enough that 2^53 - 1 is thousands of such accidents away.
  package static let idsLeftOut: Int64 = 1 << 40
  /// The largest id that a host goes on from: at a million packets a second what is left lasts for days.
  package static let largestLogID = largestInteger - idsLeftOut
  /// Bytes that may wait for a log file that is synchronised: over it the workers wait too, or a slow
  /// disk would fill the memory.
  package static let unrecordedBytes = 16 << 20
  /// Bytes of older packets that are read from a log file at a time for one client.
  package static let olderPackets = 128 << 10

  private static func seconds(_ count: UInt64) -> UInt64 { count * 1_000_000_000 }
}
