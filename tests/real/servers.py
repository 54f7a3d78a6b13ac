"""Real mail servers on loopback, each with its configuration, spool and log in a folder of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.waiting import SAFETY_SECONDS

# How every one of them knows us, and whose name their certificate carries.
NAME, PASSWORD, HOST = "newsletter", "correct horse", "localhost"
# Whose mail comes back: nobody has this address, this mailbox is full, this one's server takes none of ours.
UNKNOWN, FULL, REFUSING = "unknown@example.net", "full@example.net", "refusing@example.net"
POLICY = "550 5.7.1 Message rejected due to local policy"
# Domains whose mail Postfix hands to us, and from which it sends under a name of its own.
BY_LMTP, REWRITTEN = "returns.example.org", "rewritten.example.org"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, each another: they are held until all are found."""
    with ExitStack() as held:
        found = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in found]


def until_listening(port: int, log: Path) -> None:
    """Wait for the server; what it wrote to its log is told where it does not come."""
    limit = time.monotonic() + SAFETY_SECONDS
    while time.monotonic() < limit:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"nothing listens on {port}: {log.read_text() if log.exists() else 'no log'}")


@contextmanager
def running(command: list[str], port: int, log: Path, **environment: str) -> Iterator[None]:
    """A server that stays in the foreground, in a group of processes that ends with this."""
    with log.open("a") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=os.environ | environment, start_new_session=True
        )
        try:
            until_listening(port, log)
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


class Dovecot:
    """Mailboxes: takes mail by LMTP, shows it by IMAP and POP3, and answers for Postfix who may sign in.

    Everybody has one, except UNKNOWN; that of FULL holds next to nothing.
    """

    def __init__(self, folder: Path, certificate: Path) -> None:
        self.imap, self.imaps, self.pop3, self.pop3s, self.lmtp = free_ports(5)
        self.sasl, self.log = folder / "sasl", folder / "log"
        (folder / "mail").mkdir()
        shutil.chown(folder / "mail", "mail", "mail")
        (folder / "unknown").write_text(f"{UNKNOWN}:::::::\n")
        home = folder / "mail" / FULL
        (folder / "full").write_text(f"{FULL}:::::{home}::userdb_quota_storage_size=1k\n")
        self.configuration = folder / "dovecot.conf"
        self.configuration.write_text(
            f"""
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {self.log}
protocols = imap pop3 lmtp
listen = 127.0.0.1
ssl = yes
ssl_server_cert_file = {certificate}
ssl_server_key_file = {certificate}
auth_allow_cleartext = yes
auth_mechanisms = plain login cram-md5
auth_failure_delay = 0
mail_driver = maildir
mail_path = {folder}/mail/%{{user}}
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
passdb static {{
  passdb_static_password = {PASSWORD}
}}
mail_plugins = quota
quota_storage_grace = 0
quota mailbox {{
}}
userdb unknown {{
  driver = passwd-file
  passwd_file_path = {folder}/unknown
  result_success = return-fail
  result_failure = continue
}}
userdb full {{
  driver = passwd-file
  passwd_file_path = {folder}/full
}}
userdb static {{
  userdb_static_allow_all_users = yes
  fields {{
    home = {folder}/mail/%{{user}}
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {self.imap}
  }}
  inet_listener imaps {{
    port = {self.imaps}
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {self.pop3}
  }}
  inet_listener pop3s {{
    port = {self.pop3s}
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {self.lmtp}
  }}
}}
service auth {{
  unix_listener {self.sasl} {{
    mode = 0666
  }}
}}
"""
        )

    @contextmanager
    def serving(self) -> Iterator[None]:
        with running(["dovecot", "-F", "-c", str(self.configuration)], self.imap, self.log):
            until_listening(self.lmtp, self.log)
            yield


class Postfix:
    """A relay for users who sign in after STARTTLS with Dovecot's accounts; it hands everything to Dovecot.

    Only what goes to REFUSING it tries at a server of its own that takes nothing, and what goes to BY_LMTP at
    the LMTP server on `lmtp`. Envelope senders at REWRITTEN it replaces by one for all of them.
    """

    def __init__(self, folder: Path, certificate: Path, dovecot: Dovecot) -> None:
        self.port, self.lmtp, refusing = free_ports(3)
        self.log = folder / "log"
        self._folder = folder
        for name in ("queue", "data"):
            (folder / name).mkdir()
        shutil.chown(folder / "data", "postfix", "postfix")
        (folder / "senders").write_text(f"/@{re.escape(REWRITTEN)}$/ b@{REWRITTEN}\n")
        (folder / "main.cf").write_text(
            f"""
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {self.log}
maillog_file_prefixes = {folder}
myhostname = {HOST}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
default_transport = lmtp:inet:127.0.0.1:{dovecot.lmtp}
transport_maps = inline:{{
  {{ {REFUSING} = smtp:[127.0.0.1]:{refusing} }},
  {{ {BY_LMTP} = lmtp:inet:127.0.0.1:{self.lmtp} }} }}
sender_canonical_classes = envelope_sender
sender_canonical_maps = regexp:{folder}/senders
minimal_backoff_time = 2s
queue_run_delay = 1s
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = {certificate}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {dovecot.sasl}
smtpd_relay_restrictions = permit_sasl_authenticated, reject
"""
        )
        services = [
            f"127.0.0.1:{self.port} inet n - n - - smtpd",
            f"127.0.0.1:{refusing} inet n - n - - smtpd -o myhostname=mx.example.net",
            " -o smtpd_tls_security_level=none -o smtpd_sasl_auth_enable=no",
            f" -o {{ smtpd_relay_restrictions=check_recipient_access inline:{{{{ {REFUSING} = {POLICY} }}}},",
            "  reject }",
            "cleanup unix n - n - 0 cleanup",
            "qmgr unix n - n 300 1 qmgr",
            *(f"{name} unix - - n - - {name}" for name in ("lmtp", "error", "smtp")),
            "scache unix - - n - 1 scache",
            *(f"{name} unix - - n - 0 bounce" for name in ("bounce", "defer", "trace")),
            "proxymap unix - - n - - proxymap",
            *("rewrite unix - - n - - trivial-rewrite", "tlsmgr unix - - n 1000? 1 tlsmgr"),
            *("anvil unix - - n - 1 anvil", "postlog unix-dgram n - n - 1 postlogd"),
        ]
        (folder / "master.cf").write_text("\n".join(services) + "\n")

    @contextmanager
    def serving(self) -> Iterator[None]:
        command = ["postfix", "-c", str(self._folder)]
        subprocess.run([*command, "start"], check=True, capture_output=True)
        try:
            until_listening(self.port, self.log)
            yield
        finally:
            subprocess.run([*command, "abort"], check=False, capture_output=True)


class Exim:
    """The same by Exim, which knows itself who may sign in; its package need only be unpacked."""

    def __init__(self, folder: Path, certificate: Path, dovecot: Dovecot, program: str, users: str) -> None:
        (self.port,), self.log = free_ports(1), folder / "log"
        self._users = {
            # Exim looks up the user that Debian's package would have made.
            "LD_PRELOAD": users,
            "NSS_WRAPPER_PASSWD": str(folder / "passwd"),
            "NSS_WRAPPER_GROUP": str(folder / "group"),
        }
        for file, more in (("passwd", ":8::/nonexistent:/bin/false"), ("group", ":")):
            known = Path("/etc", file).read_text()
            (folder / file).write_text(f"{known}Debian-exim:x:8{more}\n")
        (folder / "spool").mkdir()
        shutil.chown(folder / "spool", "mail", "mail")
        # A copy that does not change users by itself.
        itself = shutil.copyfile(program, folder / "exim4")
        itself.chmod(0o755)
        self._configuration = folder / "exim.conf"
        self._command = [str(itself), "-C", str(self._configuration)]
        self._configuration.write_text(
            f"""
exim_path = {itself}
exim_user = mail
exim_group = mail
never_users =
keep_environment = LD_PRELOAD : NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP
spool_directory = {folder}/spool
log_file_path = {folder}/spool/%s.log
pid_file_path = {folder}/spool/pid
primary_hostname = {HOST}
daemon_smtp_ports = {self.port}
local_interfaces = 127.0.0.1
tls_advertise_hosts = *
tls_certificate = {certificate}
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
acl_smtp_rcpt = rcpt
acl_smtp_data = data

begin acl
rcpt:
  accept authenticated = *
  deny
data:
  accept

begin routers
everything:
  driver = manualroute
  transport = dovecot
  route_list = * 127.0.0.1
  self = send

begin transports
dovecot:
  driver = smtp
  protocol = lmtp
  port = {dovecot.lmtp}
  allow_localhost
  hosts_avoid_tls = *

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{NAME}}}}}{{eq{{$auth3}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = User Name : Password
  server_condition = ${{if and{{{{eq{{$auth1}}{{{NAME}}}}}{{eq{{$auth2}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{{NAME}}}{{{PASSWORD}}}fail}}
  server_set_id = $auth1
"""
        )

    @contextmanager
    def serving(self) -> Iterator[None]:
        with running([*self._command, "-bdf", "-q1m"], self.port, self.log, **self._users):
            yield
