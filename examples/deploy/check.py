"""Holds template.yaml to what README.md says of it: the permissions of each role, and what must not be lost.

It works on the template as CloudFormation would see it, once for each combination of the parameters that matter.
"""

import itertools
import pathlib
import re
import sys

from cfnlint.decode import cfn_yaml

HERE = pathlib.Path(__file__).parent
TEMPLATE = cfn_yaml.load(str(HERE / "template.yaml"))
README = (HERE / "README.md").read_text(encoding="utf-8")
CONTEXT = "kms:EncryptionContext:*aws-kms-table*"
PLACES = {"Table": "table", "MetaTable": "meta table"}
USE = re.compile(r"kms:(\*|CreateGrant|Decrypt|DeriveSharedSecret|Encrypt|Generate|ReEncrypt|ReplicateKey|Sign|Verify)")
ITEMS = re.compile(r"dynamodb:(\*|.*Item|Query|Scan|PartiQL|Export|Import|Restore)")
ABSENT = object()


def resolve(node, parameters):
    """The node with conditions decided, parameters filled in and resources as their names."""

    def condition(name):
        return test(TEMPLATE["Conditions"][name])

    def test(expression):
        (kind, value), = expression.items()
        if kind == "Fn::Equals":
            left, right = (resolve(v, parameters) for v in value)
            return left == right
        if kind == "Fn::Not":
            return not test(value[0])
        if kind == "Fn::Or":
            return any(test(v) for v in value)
        if kind == "Condition":
            return condition(value)
        raise ValueError(f"unknown condition {kind}")

    if isinstance(node, dict):
        if set(node) == {"Fn::If"}:
            name, yes, no = node["Fn::If"]
            return resolve(yes if condition(name) else no, parameters)
        if set(node) == {"Ref"}:
            return ABSENT if node["Ref"] == "AWS::NoValue" else parameters.get(node["Ref"], node["Ref"])
        if set(node) == {"Fn::GetAtt"}:
            return node["Fn::GetAtt"][0]
        if set(node) == {"Fn::Sub"}:
            return node["Fn::Sub"].replace(".Arn}", "}")
        if "Condition" in node and "Type" in node and not condition(node["Condition"]):
            return ABSENT
        resolved = {k: resolve(v, parameters) for k, v in node.items()}
        return {k: v for k, v in resolved.items() if v is not ABSENT}
    if isinstance(node, list):
        return [v for v in (resolve(n, parameters) for n in node) if v is not ABSENT]
    return node


def several(value):
    return value if isinstance(value, list) else [value]


def granted(resources, parameters):
    """Who may do what: {(role, place, action)}, place being a table or the key for one."""
    found = set()
    names = {parameters["TableName"]: "key, table", parameters["MetaTableName"]: "key, meta table"}
    for name, resource in resources.items():
        if resource["Type"] != "AWS::IAM::RolePolicy":
            continue
        role = resource["Properties"]["RoleName"]
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow", name
            for action, target in itertools.product(several(statement["Action"]), several(statement["Resource"])):
                assert "*" not in action and target != "*", f"{name} allows {action} on {target}"
                if action.startswith("kms:"):
                    assert role == "AdministratorRole" and not USE.match(action), f"{name} allows {action}"
                    continue
                assert role != "AdministratorRole" or not ITEMS.match(action), f"{name} allows {action}"
                table = re.sub(r"^\$\{(\w+)\}/index/\*$", r"\1", target)
                found.add((role, PLACES[table], action.removeprefix("dynamodb:")))
    for statement in resources["ClientKey"]["Properties"]["KeyPolicy"]["Statement"]:
        assert statement["Effect"] == "Allow"
        principal, actions = statement["Principal"]["AWS"], several(statement["Action"])
        if principal.endswith(":root"):
            assert not any(USE.match(a) for a in actions), "the account as a whole may use the key"
            continue
        assert principal in resources, f"{principal} is no role of the template"
        assert set(statement["Condition"]) == {"StringEquals"} and set(statement["Condition"]["StringEquals"]) == {CONTEXT}
        place = names[statement["Condition"]["StringEquals"][CONTEXT]]
        found.update((principal, place, a.removeprefix("kms:")) for a in actions)
    for statement in resources["AtRestKey"]["Properties"]["KeyPolicy"]["Statement"]:
        if any(USE.match(a) for a in several(statement["Action"])):
            assert {"kms:CallerAccount", "kms:ViaService"} <= set(statement["Condition"]["StringEquals"]), "the key at rest is not for DynamoDB alone"
    return found


def documented(header, writer_reads):
    """What a table of the README says, in the same form."""
    table = README.split("\n" + header + "\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    places = [p.strip().removeprefix("on the ") for p in header.strip("|").split("|")][1:]
    found = set()
    for line in table:
        name, *cells = (c.strip() for c in line.strip("|").split("|"))
        who, _, extra = name.partition(", ")
        if who == "administrator" or extra and not writer_reads:
            continue
        for place, cell in zip(places, cells, strict=True):
            if place == "by the key":
                place = "key, meta table" if cell.endswith("for the meta table") else "key, table"
            found.update((who.capitalize() + "Role", place, action) for action in re.findall(r"`(\w+)`", cell))
    return found


def administrators():
    row = re.search(r"^\| administrator \| (`.*?) \| \|$", README, re.M)
    return {a for a in re.findall(r"`(\w+)`", row[1])}


def check(meta, writer_reads):
    parameters = {name: p["Default"] for name, p in TEMPLATE["Parameters"].items()}
    parameters |= {"MetaTableName": "meta" if meta else "", "WriterReads": "true" if writer_reads else "false"}
    resources = resolve(TEMPLATE["Resources"], parameters)
    header = "| role | on the table | on the meta table | by the key |" if meta else "| role | on the table | by the key |"
    want = documented(header, writer_reads)
    for place in ["table", "meta table"] if meta else ["table"]:
        want |= {("AdministratorRole", place, action) for action in administrators()}
    got = granted(resources, parameters)
    assert got == want, f"template only: {sorted(got - want)}; README only: {sorted(want - got)}"

    kinds = {}
    for name, resource in resources.items():
        kinds.setdefault(resource["Type"], []).append(name)
        p = resource["Properties"]
        if resource["Type"] in ("AWS::DynamoDB::Table", "AWS::KMS::Key"):
            assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain", name
        if resource["Type"] == "AWS::DynamoDB::Table":
            assert p["DeletionProtectionEnabled"] is True and p["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True, name
            assert p["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": "AtRestKey"}, name
        if resource["Type"] == "AWS::KMS::Key":
            assert p["EnableKeyRotation"] is True, name
    assert sorted(kinds["AWS::KMS::Key"]) == ["AtRestKey", "ClientKey"]
    assert len(kinds["AWS::DynamoDB::Table"]) == (2 if meta else 1)
    return len(got)


for configuration in itertools.product((False, True), repeat=2):
    print("meta table: {}, WriterReads: {}: ".format(*configuration), end="")
    try:
        print(check(*configuration), "permissions as documented")
    except AssertionError as e:
        sys.exit(str(e) or "the template is not what README.md says")
