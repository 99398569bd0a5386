/// A unit file for systemd that gives a host what it needs and nothing more.
enum SystemdUnit {
  static let text = """
    # netchat.service: a chat room, run by systemd. Save it and start it:
    #
    #   netchat help systemd >/etc/systemd/system/netchat.service
    #   install -D -m 600 /dev/null /etc/netchat/password   # and write the password into it
    #   printf '%s\\n' --secure --port=12345 --metrics=9100 >/etc/netchat/arguments
    #   systemctl daemon-reload && systemctl enable --now netchat
    #
    # systemd may open the port instead: leave out --port, and make a netchat.socket with
    #
    #   [Socket]
    #   ListenStream=12345
    #   [Install]
    #   WantedBy=sockets.target
    #
    # Only systemd reads the password's file, and hands it to the host alone.

    [Unit]
    Description=netchat chat room
    Documentation=man:netchat-host(1)
    Wants=network-online.target
    After=network-online.target

    [Service]
    Type=notify
    ExecStart=/usr/local/bin/netchat host @/etc/netchat/arguments --password-file=%d/password
    LoadCredential=password:/etc/netchat/password
    WatchdogSec=30
    Restart=on-failure
    RestartSec=1
    TimeoutStopSec=10
    LimitNOFILE=65536
    LimitCORE=0

    # Who it is and what it may write.
    DynamicUser=yes
    StateDirectory=netchat
    RuntimeDirectory=netchat
    WorkingDirectory=%S/netchat
    UMask=0077
    ProtectSystem=strict
    ProtectHome=yes
    PrivateTmp=yes
    PrivateDevices=yes
    PrivateUsers=yes

    # What it may do.
    CapabilityBoundingSet=
    AmbientCapabilities=
    NoNewPrivileges=yes
    LockPersonality=yes
    MemoryDenyWriteExecute=yes
    ProtectClock=yes
    ProtectControlGroups=yes
    ProtectHostname=yes
    ProtectKernelLogs=yes
    ProtectKernelModules=yes
    ProtectKernelTunables=yes
    ProtectProc=invisible
    ProcSubset=pid
    RemoveIPC=yes
    RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
    RestrictNamespaces=yes
    RestrictRealtime=yes
    RestrictSUIDSGID=yes
    SystemCallArchitectures=native
    SystemCallFilter=@system-service
    SystemCallFilter=~@privileged
    SystemCallErrorNumber=EPERM

    [Install]
    WantedBy=multi-user.target

    """
}
