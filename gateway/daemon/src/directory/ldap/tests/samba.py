"""Puts the people of the tests into a provisioned Samba domain, the controller not running. Argument: its folder."""
import sys, time, ldb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

folder = sys.argv[1]
settings = LoadParm()
settings.load(folder + "/run.conf")
samdb = SamDB(url=folder + "/private/sam.ldb", lp=settings, session_info=system_session())
base = samdb.domain_dn()


def dn(name):
    return "CN=%s,CN=Users,%s" % (name, base)


def put(where, controls=None, **values):
    message = ldb.Message(ldb.Dn(samdb, where))
    for attribute, value in values.items():
        message[attribute] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, attribute)
    samdb.modify(message, controls=controls or [])


def ticks(moment):
    """Unix seconds as Windows counts time."""
    return str(int((moment + 11644473600) * 10**7))


# No complexity, no least age, locked after three wrong passwords; durations are negative counts of 100 ns.
put(base, pwdProperties="0", minPwdLength="6", minPwdAge="0", pwdHistoryLength="2", lockoutThreshold="3",
    lockoutDuration=str(-30 * 60 * 10**7), lockOutObservationWindow=str(-30 * 60 * 10**7))
for name in "svc mario giulia disabled expired pwexpired mustchange lockme hours elsewhere".split():
    samdb.newuser(name, "pw-%s-1" % name)
put(dn("disabled"), userAccountControl="514")
put(dn("expired"), accountExpires=ticks(time.time() - 86400))
put(dn("mustchange"), pwdLastSet="0")
# The past needs Samba's own control; passwords last 42 days unless the domain says otherwise.
put(dn("pwexpired"), controls=["local_oid:1.3.6.1.4.1.7165.4.3.20:0"], pwdLastSet=ticks(time.time() - 100 * 86400))
put(dn("hours"), logonHours=bytes(21))
put(dn("elsewhere"), userWorkstations="NOT-HERE")
for group in ["inner", "smart", "circle"]:
    samdb.newgroup(group)
samdb.add_remove_group_members("inner", ["mario", "circle"])
samdb.add_remove_group_members("circle", ["inner"])
samdb.add_remove_group_members("smart", ["inner", "giulia"])
