"""Places of secrets, as data: what clients send and servers answer, each as a real QEMU reads it.

``§`` stands for the secret.  `tests/real/test_secrets.py` sends these to real servers.
"""

from __future__ import annotations

import json

#: Nothing else in a trace looks like it.
SECRET = "HuNt3r-pa55"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(command: str, arguments: object) -> str:
    return _json({"execute": command, "arguments": arguments})


def _qmp(command: str, **arguments: object) -> str:
    return _plain(command, {name.replace("_", "-"): value for name, value in arguments.items()})


def _line(line: str) -> str:
    return _qmp("human-monitor-command", command_line=line)


#: Lines of the human monitor.
LINES = (
    "set_password vnc §",
    'set_password vnc "§"',
    'set_password "vnc" "§"',
    'set_password vnc "§ with blanks"',
    'set_password vnc "quote \\"§\\" and more"',
    "  set_password \t vnc \t § ",
    "set_password spice § keep",
    "set_password vnc § -d default keep",
    "set_password vnc -d default §",
    "set_password -d default vnc §",
    "set_password vnc x §",
    "set_password § vnc",
    "set_password/vnc §",
    "expire_password vnc §",
    "expire_password § now",
    "change vnc password §",
    "change vnc -f password §",
    'change "vnc" "password" "§"',
    'change vnc "password" §',
    'change vnc "passw\\"ord" §',
    "change vnc passwd §",
    "change vnc §",
    "change ide0 https://user:§@127.0.0.1/x raw",
    'change ide0 "json:{\\"driver\\":\\"https\\",\\"password\\":\\"§\\"}"',
    "change ide0 -f rbd:pool/image:id=admin:key=§:auth_supported=cephx",
    "object_add secret,id=s1,data=§",
    "object_add qom-type=secret,id=s2,data=§,format=raw",
    "object_add secret,data=§,,and,,more,id=s3",
    "object_add id=s4,data=§,qom-type=secret",
    'object_add "secret,id=s5,data=§"',
    'object_add {"qom-type":"secret","id":"s6","data":"§"}',
    "object_add {'qom-type':'secret','id':'s7','data':'§'}",
    'object_add {"qom-type":"secret","id":"s8","data":"§"',
    "object_add secret,id=s9,datas=§",
    "object_add secret,id=s10,§",
    "object_add tls-creds-psk,id=t1,password=§",
    'qom-set "/objects/s1" "data" §',
    "qom-set /objects/s1 data §",
    'qom-set -j /objects/s1 data "§"',
    'qom-set /objects/s1 data "§ with blanks"',
    "qom-set /objects/s1 rawdata §",
    "qom-set /machine password §",
    "drive_add 0 if=none,id=d1,file.driver=https,file.url=https://h/x,file.password=§",
    "drive_add 0 if=none,id=d2,file=https://user:§@127.0.0.1:1/x",
    "drive_add 0 if=none,id=d3,file.driver=https,file.cookie=§",
    'drive_add 0 "if=none,file.driver=https,file.password=§"',
    "drive_add -n 0 file.driver=https,file.proxy-password=§,node-name=n",
    "drive_add 0 if=none,file.password=x §",
    "drive_add 0 if=none,file=rbd:pool/image:key=§",
    "drive_add 0 if=none,file=iscsi://user%§@127.0.0.1/iqn.x/0",
    "drive_add 0 if=none,file=ftp://user:p§@w@127.0.0.1/x",
    "drive_add 0 if=none,file=ssh://user:§@127.0.0.1/x",
    'drive_add 0 "file=json:{\\"driver\\":\\"https\\",\\"cookie\\":\\"§\\"}"',
    "drive_add 0 file=json:{'driver':'https','password':'§'}",
    "drive_add 0 file=http://127.0.0.1/x?token=§&a=b",
    "drive_add 0 file=https://127.0.0.1/x.vhd?sr=b&sig=§&se=1",
    "netdev_add user,id=n1,password=§",
    "netdev_add user,id=n2,guestfwd=tcp:10.0.2.100:1-cmd:openssl -k §",
    "netdev_add socket,id=n3,url=https://user:§@h",
    "chardev-add socket,id=c1,url=https://user:§@127.0.0.1/",
    "chardev-add spiceport,id=c2,name=x,password=§",
    "chardev-change c2 null,password=§",
    "device_add e1000,id=e1,secret=§",
    'device_add {"driver":"e1000","id":"e2","password":"§"}',
    'migrate "exec:openssl enc -aes256 -k §"',
    'migrate -d "exec:curl -u user:§ -T - https://h/x"',
    "migrate -d exec:curl -H Authorization:§",
    "migrate tcp:user:§@127.0.0.1:1",
    "migrate -d https://user:§@h/x",
    'migrate_incoming "exec:openssl enc -d -k §"',
    "migrate_recover tcp:user:§@127.0.0.1:1",
    "nbd_server_start user:§@127.0.0.1:1",
    "nbd_server_start -a https://user:§@127.0.0.1:1",
    "snapshot_blkdev d1 https://user:§@h/x qcow2",
    "drive_mirror d1 https://user:§@h/x",
    "drive_backup -f d1 rbd:pool/image:key=§ raw",
    "block_stream d1 1 https://user:§@h/x",
    'qemu-io d1 "open -o file.password=§ x"',
    "client_migrate_info spice user:§@h 1",
    "migrate_set_parameter tls-creds password=§",
    "logfile https://user:§@h/x",
    "hostfwd_add password=§",
    "screendump https://user:§@h/x",
    "wavcapture https://user:§@h/x snd0",
    "savevm password=§",
)

#: Lines of commands that QEMU 7.2 and 11.1 do not have, or that are misspelt.
UNKNOWN_LINES = (
    "block_passwd ide0-hd0 §",
    "set_passwd vnc §",
    "set-password vnc §",
    "vnc password §",
    "acl_add vnc.username password=§",
    "x_login --password §",
)

#: What clients send to QEMU; the arguments may be wrong, the command is one.
COMMANDS = (
    _qmp("set_password", protocol="vnc", password="§"),
    _qmp("set_password", protocol="spice", password="§", connected="keep"),
    _qmp("set_password", protocol="§", password="x"),
    _qmp("set_password", protocol="vnc", passwrd="§"),
    _qmp("set_password", protocol="vnc", pw="§", display="d"),
    _qmp("set_password", protocol="vnc", password=["§"]),
    _qmp("set_password", protocol="vnc", password={"x": {"y": "§"}}),
    _plain("set_password", ["vnc", "§"]),
    _plain("set_password", "§"),
    '{"execute":"set_password","argument":{"protocol":"vnc","password":"§"}}',
    '{"execute":"set_password","password":"§"}',
    '{"exec-oob":"set_password","arguments":{"protocol":"vnc","password":"§"}}',
    '{"execute":"set_password","arguments":{"protocol":"vnc","pass\\u0077ord":"§"}}',
    '{"execute":"set\\u005fpassword","arguments":{"protocol":"vnc","x":"§"}}',
    "{'execute':'set_password','arguments':{'protocol':'vnc','password':'§'}}",
    '{"execute":"set_password","arguments":{"password":"§","password":"x"}}',
    '{"execute":"stop","execute":"set_password","arguments":{"x":"§"}}',
    '{\n  "execute": "set_password",\n  "arguments": {\n    "password": "§"\n  }\n}',
    '{"execute":"set_password","arguments":{"password":"§"},"id":"§"}',
    '{"execute":"query-status","password":"§"}',
    _qmp("expire_password", protocol="vnc", time="§"),
    _qmp("change-vnc-password", password="§"),
    _qmp("object-add", qom_type="secret", id="s1", data="§"),
    _qmp("object-add", qom_type="secret", id="s1", format="base64", data="!!§"),
    _qmp("object-add", qom_type="secret", id="§", datas="§"),
    _qmp("object-add", qom_type="secret", id="s1", props={"data": "§"}),
    _qmp("object-add", qom_type="secret", id="s1", props={"datas": ["§"]}),
    _qmp("object-add", qom_type="secret_keyring", id="s1", serial=1, key="§"),
    _qmp("object-add", qom_type="tls-creds-x509", id="t", dir="/x", password="§"),
    _qmp("object-add", qom_type="tls-creds-psk", id="t", psk="§"),
    _qmp("object-add", qom_type="tls-creds-anon", id="t", dir="https://user:§@h/x"),
    _qmp("object-add", qom_type="authz-simple", id="a", identity="password=§"),
    _qmp("object-add", qom_type="rng-egd", id="r", chardev="x", token="§"),
    _qmp("qom-set", path="/objects/s1", property="data", value="§"),
    _qmp("qom-set", path="/objects/s1", property="rawdata", value=["§"]),
    _qmp("qom-set", path="/machine", property="vnc-password", value="§"),
    _qmp("qom-set", path="/objects/s1", property="data", values="§"),
    _qmp("qom-set", path="/machine", property="url", value="https://user:§@h"),
    _qmp("blockdev-add", driver="https", node_name="n", url="https://user:§@h/x"),
    _qmp("blockdev-add", driver="https", node_name="n", url="https://h", cookie="a=§"),
    _qmp("blockdev-add", driver="https", node_name="n", url="https://h/x?X-Amz-Signature=§&a=b"),
    _qmp("blockdev-add", driver="https", node_name="n", url="https://h/x?sv=1&sig=§"),
    _qmp("blockdev-add", driver="https", node_name="n", password="§"),
    _qmp("blockdev-add", driver="raw", file={"driver": "ftp", "proxy-password": "§"}),
    _qmp("blockdev-add", driver="raw", file={"driver": "file", "filename": "rbd:p/i:key=§"}),
    _qmp("blockdev-add", driver="rbd", pool="p", image="i", key="§"),
    _plain(
        "blockdev-add",
        {"driver": "rbd", "pool": "p", "image": "i", "=keyvalue-pairs": '["id","a","key","§"]'},
    ),
    _qmp("blockdev-add", driver="iscsi", portal="h", target="t", password="§"),
    _qmp("blockdev-add", driver="ssh", path="/x", server={"host": "h"}, password="§"),
    _qmp("blockdev-add", driver="qcow2", file="json:" + _json({"password": "§"})),
    _qmp(
        "blockdev-create",
        job_id="j",
        options={"driver": "luks", "file": "n", "size": 1, "passphrase": "§"},
    ),
    _qmp("blockdev-reopen", options=[{"driver": "https", "cookie": "§", "node-name": "n"}]),
    _qmp("drive-mirror", device="d", sync="full", target="https://user:§@h/x"),
    _qmp(
        "drive-mirror",
        device="d",
        sync="full",
        target="json:" + _json({"driver": "https", "password": "§"}),
    ),
    _qmp("drive-backup", device="d", sync="full", target="rbd:pool/image:key=§"),
    _qmp(
        "blockdev-snapshot-sync",
        device="d",
        snapshot_file="json:" + _json({"file": {"driver": "https", "cookie": "§"}}),
    ),
    _qmp(
        "blockdev-snapshot-sync",
        device="d",
        snapshot_file="json:" + _json({"file": {"filename": "json:" + _json({"password": "§"})}}),
    ),
    _qmp("blockdev-snapshot-sync", device="d", snapshot_file="json:{'cookie':'§'}"),
    _qmp("blockdev-snapshot-sync", device="d", snapshot_file='json:{"password":"§"'),
    _qmp("change-backing-file", device="d", image_node_name="n", backing_file="ftp://u:§@h/x"),
    _qmp("block-stream", device="d", backing_file="https://u:§@h/x"),
    _qmp("block-commit", device="d", backing_file="json:" + _json({"password": "§"})),
    _qmp("blockdev-change-medium", id="i", filename="https://u:§@h/x"),
    _qmp("blockdev-change-medium", id="i", filename="iscsi://u%§@h/iqn.x/0"),
    _qmp(
        "transaction",
        actions=[{"type": "drive-backup", "data": {"device": "d", "target": "https://u:§@h/x"}}],
    ),
    _qmp("migrate", uri="exec:openssl enc -k §"),
    _qmp("migrate", uri="exec:cat | ssh u@h 'cat > §'"),
    _qmp("migrate", uri="tcp:user:§@h:1"),
    _qmp("migrate", uri="https://user:§@h:1"),
    _qmp("migrate-incoming", uri="exec:curl -H 'Authorization: Bearer §' https://h"),
    _qmp("migrate-recover", uri="exec:sshpass -p § ssh h"),
    _qmp("migrate-set-parameters", tls_creds="password=§"),
    _qmp("migrate-set-parameters", tls_password="§"),
    _qmp("nbd-server-start", addr={"type": "inet", "data": {"host": "user:§@h", "port": "1"}}),
    _qmp("nbd-server-start", addr={"type": "unix", "data": {"path": "x"}}, tls_password="§"),
    _qmp(
        "chardev-add",
        id="c",
        backend={
            "type": "socket",
            "data": {"addr": {"type": "unix", "data": {"path": "https://u:§@h"}}},
        },
    ),
    _qmp("chardev-add", id="c", backend={"type": "null", "data": {"password": "§"}}),
    _qmp("chardev-change", id="c", backend={"type": "null", "data": {"token": "§"}}),
    _qmp("device_add", driver="e1000", id="e", password="§"),
    _qmp("netdev_add", type="user", id="n", guestfwd=[{"str": "tcp:1.2.3.4:1-cmd:pass -k §"}]),
    _qmp("netdev_add", type="user", id="n", smb="https://user:§@h/x"),
    _qmp("screendump", filename="https://user:§@h/x"),
    _qmp("dump-guest-memory", paging=False, protocol="file:https://user:§@h/x"),
    _qmp("add_client", protocol="vnc", fdname="f", password="§"),
    _qmp("getfd", fdname="password=§"),
    _qmp("qom-list", path="/x?password=§"),
    _qmp("device_del", id="x", authorization="Bearer §"),
    _qmp("blockdev-add", driver="file", filename="-----BEGIN RSA PRIVATE KEY-----\n§\n"),
    _qmp("blockdev-add", driver="file", filename="x,password=§,y=z"),
    _qmp("blockdev-add", driver="file", filename='{"password": "§"}'),
    _qmp("blockdev-add", driver="file", filename="https://§aBcDeF0123456789@h/x"),
)

#: What clients send to a guest agent, and what it answers.
AGENT = (
    (_qmp("guest-set-user-password", username="root", password="§", crypted=False), ""),
    (_qmp("guest-set-user-password", username="root", pasword="§"), ""),
    (_qmp("guest-exec", path="/bin/sh", arg=["-c", "§"]), ""),
    (_qmp("guest-exec", path="/bin/sh", env=["PASSWORD=§"]), ""),
    (_qmp("guest-exec", path="/bin/sh", **{"input-data": "§"}), ""),
    (_qmp("guest-exec", path="/bin/sh", args=["§"]), ""),
    (_qmp("guest-exec-status", pid=1), '{"exited":true,"exitcode":0,"out-data":"§"}'),
    (_qmp("guest-exec-status", pid=1), '{"exited":true,"err-data":"§","out-data":"eA=="}'),
    (_qmp("guest-file-write", handle=1, buf_b64="§"), '{"count":1,"eof":false}'),
    (_qmp("guest-file-read", handle=1), '{"count":1,"buf-b64":"§","eof":true}'),
    (_qmp("guest-ssh-add-authorized-keys", username="u", keys=["ssh-ed25519 §"]), ""),
    (_qmp("guest-ssh-remove-authorized-keys", username="u", keys=["ssh-ed25519 §"]), ""),
    (_qmp("guest-ssh-get-authorized-keys", username="u"), '{"keys":["ssh-ed25519 §"]}'),
)

_QUERY = _qmp("query-block")
_NODE = '{"return": [{"inserted": {"file": "%s"}}]}'

#: What clients send, and the whole answer of the server, in which the secret stands.
ANSWERS = (
    (_qmp("qom-get", path="/objects/s1", property="data"), '{"return": "§"}'),
    (_qmp("qom-get", path="/objects/s1", property="rawdata"), '{"return": "§\\n"}'),
    (_qmp("qom-get", path="/machine", property="vnc-password"), '{"return": "§"}'),
    (
        _qmp("qom-list-get", paths=["/objects/s1"]),
        '{"return": [{"properties": [{"name": "data", "type": "string", "value": "§"}]}]}',
    ),
    (
        _qmp("qom-list-get", paths=["/objects/s1"]),
        '{"return": [{"properties": [{"value": "§", "type": "string", "name": "data"}]}]}',
    ),
    (_line("qom-get /objects/s1 data"), '{"return": "\\"§\\"\\r\\n"}'),
    (_line('qom-get "/objects/s1" "data"'), '{"return": "\\"§\\"\\r\\n"}'),
    (_line("info block"), '{"return": "d: https://user:§@h/x (raw)\\r\\n"}'),
    (_line("info network"), '{"return": "n: index=0,type=user,password=§\\r\\n"}'),
    (_QUERY, _NODE % "https://user:§@127.0.0.1/x"),
    (_QUERY, _NODE % "rbd:pool/image:id=admin:key=§:auth_supported=cephx"),
    (_QUERY, _NODE % 'json:{\\"driver\\": \\"https\\", \\"password\\": \\"§\\"}'),
    (_QUERY, _NODE % 'json:{\\"driver\\": \\"https\\", \\"cookie\\": \\"§\\"}'),
    (
        _QUERY,
        _NODE
        % 'json:{\\"driver\\": \\"rbd\\", \\"=keyvalue-pairs\\": \\"[\\\\\\"key\\\\\\", \\\\\\"§\\\\\\"]\\"}',
    ),
    (_QUERY, '{"return": {"password": "§"}}'),
    (_QUERY, '{"event": "X", "data": {"url": "ftp://u:§@h"}}'),
    (_QUERY, '{"error": {"class": "GenericError", "desc": "cannot open https://u:§@h/x"}}'),
)

_SET = _qmp("set_password", protocol="vnc", password="§")

#: A command that gives the secret away, and what may repeat it afterwards, from either side.
ECHOES = (
    (_qmp("set_password", protocol="§", password="§"), '{"error": {"desc": "no value \'§\'"}}'),
    (_SET, '{"error": {"class": "GenericError", "desc": "Parameter \'§\' is unexpected"}}'),
    (_SET, '{"return": {"some": [{"name": "what §"}]}}'),
    (_SET, '{"return": {}, "id": "§"}'),
    (_SET, '{"event": "X", "data": {"§": 1}}'),
    (_SET, '{"event": "X", "data": {"x": "SHVOdDNyLXBhNTU="}}'),
    (_line("set_password vnc §"), '{"return": "Error: no \'§\'\\r\\n"}'),
    (_line("change vnc password §"), '{"return": "unknown: §\\r\\n"}'),
    (_qmp("object-add", qom_type="secret", id="s", data="§"), '{"return": "§"}'),
    (
        _qmp("guest-exec", path="x", arg=["§"]),
        '{"error": {"class": "GenericError", "desc": "§: no"}}',
    ),
    (_qmp("blockdev-add", url="https://u:§@h/x"), '{"error": {"desc": "password § was refused"}}'),
    (_SET, '{"return": "\\u0048uNt3r\\u002dpa55"}'),
)

#: Bytes that are not a message, from a client.
NOISE = (
    '{"execute":"set_password","arguments":{"protocol":"vnc","password":"§"}',
    '{"execute":"set_password","arguments":{"protocol":"vnc","password":"§',
    '{"execute":"set_password","arguments":{"password":§}}',
    '{"execute":"set_password","arguments":{"password":"a\n§"}}',
    '{"execute":"set_password" @ "arguments":{"password":"§"}}',
    '{"execute":"set_password","arguments":{"password":"§",}}',
    '{"execute":"set_password","arguments":{"password" "§"}}',
    '{"execute":"object-add","arguments":{"qom-type":"secret","data":"§"}]',
    '{"execute":"qom-set","arguments":{"property":"data","value":"§"',
    '{"execute":"guest-exec","arguments":{"arg":["§"',
    '{"execute":"guest-file-write","arguments":{"buf-b64":"§"',
    '{"execute":"human-monitor-command","arguments":{"command-line":"set_password vnc §"',
    '{"execute":"blockdev-add","arguments":{"filename":"https://user:§@h/x"',
    '{"execute":"x","arguments":{"pass\\u0077ord":"§"',
    "set_password vnc §\n",
    "change vnc password §\n",
    'password: §\n{"a":[',
    "PASSWORD=§ §\n",
    "Authorization: Bearer §\r\n",
    "user https://user:§@h/x\n",
    "\x00\x01secret\x02§\x03§",
    "@@token §",
)

#: Command lines of programs for a shell.
COMMAND_LINES = (
    "qemu -object secret,id=s,data=§",
    "qemu -object secret,data=§,id=s -name x",
    """qemu -object '{"qom-type":"secret","id":"s","data":"§"}'""",
    "qemu -spice port=1,password=§",
    "qemu -vnc :1,password=§",
    "qemu -drive file=https://user:§@h/x,if=none",
    "qemu -drive file=rbd:pool/image:id=a:key=§",
    'qemu -drive "file=json:{\\"driver\\":\\"https\\",\\"password\\":\\"§\\"}"',
    """qemu -blockdev '{"driver":"https","node-name":"n","cookie":"§"}'""",
    "qemu -iscsi user=u,password=§",
    "qemu -fw_cfg name=opt/x,string=§",
    "qemu -smbios type=11,value=io.systemd.credential:passwd.hashed-password.root=§",
    "qemu -incoming 'exec:openssl enc -d -k §'",
    "VNC_PASSWORD=§ client {listen}",
    "env API_TOKEN=§ client",
    "client --password §",
    "client --password '§ with blanks'",
    "client --password=§ --x",
    "client --vnc-passwd §",
    "client --token=§",
    "client --api-key §",
    "curl -u user:§ http://h",
    "curl -H 'Authorization: Bearer §' http://h",
    "curl https://user:§@h/x",
    "sshpass -p § ssh h",
    "mysql -p§ -u root",
    "sh -c 'printf \"set_password vnc §\\n\" | qmp-shell {listen}'",
    "sh -c 'printf \"set_password protocol=vnc password=§\\n\" | qmp-shell {listen}'",
    "sh -c 'client --password § {listen}'",
    """sh -c "echo '{\\"execute\\":\\"set_password\\",\\"arguments\\":{\\"password\\":\\"§\\"}}'" """,
    """virsh qemu-monitor-command d '{"execute":"set_password","arguments":{"password":"§"}}'""",
    "virsh qemu-monitor-command --hmp d 'change vnc password §'",
    "virsh qemu-monitor-command --hmp d 'object_add secret,id=s,data=§'",
)


def exchanges() -> list[tuple[str, str]]:
    """What a client sends and what the server answers, for all of these places."""
    plain = [*map(_line, (*LINES, *UNKNOWN_LINES)), *COMMANDS, *NOISE]
    agent = [(sent, f'{{"return": {reply or "{}"}}}') for sent, reply in AGENT]
    return [*((sent, '{"return": {}}') for sent in plain), *agent, *ANSWERS, *ECHOES]
