# SPDX-License-Identifier: GPL-2.0-or-later
"""Results of tests, as meson and JUnit keep them.

meson keeps two logs. The JUnit one has an entry for each subtest of a test that reports them (TAP),
but a test that dies after its last subtest looks well there. The JSON one has the verdict on each
test as a whole. So subtests are counted, and a test that failed without any of its subtests having
done so is counted as one failure more. Of a test that tools/run-tests found to be unsteady the logs
of its last run count.
"""
import collections
import json
import os
import re
import xml.etree.ElementTree

# What is wrong with a file of results, or that there is none.
ERRORS = (OSError, ValueError, xml.etree.ElementTree.ParseError)


# result: passed, failed or skipped; why: what a skip says, or UNSTEADY, or None
Case = collections.namedtuple("Case", "name result why", defaults=[None])


UNSTEADY = "failed at first, then passed three times alone"


def read_junit(path):
    """The cases of each suite in a JUnit file."""
    suites = collections.defaultdict(list)
    for suite in xml.etree.ElementTree.parse(path).getroot().iter("testsuite"):
        for case in suite.iter("testcase"):
            kinds = {child.tag for child in case}
            skip = case.find("skipped")
            result = ("failed" if kinds & {"failure", "error"} else
                      "skipped" if skip is not None else "passed")
            suites[suite.get("name")].append(
                Case(case.get("name"), result, skip.get("message") if result == "skipped" else None))
    return suites


def write_junit(path, name, cases):
    """The other way round; a file as read_junit() reads it."""
    root = xml.etree.ElementTree.Element("testsuites")
    suite = xml.etree.ElementTree.SubElement(root, "testsuite", name=name)
    for case in cases:
        element = xml.etree.ElementTree.SubElement(suite, "testcase", name=case.name)
        if case.result == "failed":
            xml.etree.ElementTree.SubElement(element, "failure")
        elif case.result == "skipped":
            xml.etree.ElementTree.SubElement(element, "skipped", message=case.why or "")
    xml.etree.ElementTree.ElementTree(root).write(path, encoding="unicode", xml_declaration=True)


def _reasons(test):
    """Why subtests were skipped, by number, and under None why the whole test was."""
    reasons = dict(re.findall(r"^ok (\d+)\b.*# SKIP (.*)$", test.get("stdout", ""), re.MULTILINE))
    whole = (re.search(r"^1\.\.0 # SKIP (.*)$", test.get("stdout", ""), re.MULTILINE) or
             re.search(r"^(?:missing|skipped): (.*)$", test.get("stderr", ""), re.MULTILINE))
    reasons[None] = whole and whole[1]
    return reasons


def _read_log(log):
    """The cases of a run of `meson test`, by the test's name."""
    suites = read_junit(log + ".junit.xml")
    verdicts = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}
    found = {}
    with open(log + ".json") as file:
        for line in file:
            test = json.loads(line)
            # "project:suite / name"; its subtests stand in a suite "project.project:suite / name".
            name = test["name"].split(" / ")[-1]
            result = verdicts.get(test["result"], "failed")
            parts = [case for suite, cases in suites.items()
                     if suite.split(".", 1)[1:] == [test["name"]] for case in cases]
            reasons = _reasons(test)
            cases = [Case(f"{name}: {part.name}", part.result, reasons.get(part.name.split(" ")[0]))
                     for part in parts]
            if not parts or (result == "failed" and all(part.result != "failed" for part in parts)):
                cases.append(Case(name if result == "skipped" else f"{name}: {test['result']}", result,
                                  reasons[None] if result == "skipped" else None))
            found[test["name"]] = cases
    return found


def read_meson(folder):
    """The cases in a folder of meson's logs."""
    found = _read_log(os.path.join(folder, "testlog"))
    try:
        with open(os.path.join(folder, "unsteady.json")) as file:
            unsteady = json.load(file)
    except FileNotFoundError:
        unsteady = {}
    for name, log in unsteady.items():
        found[name] = [case._replace(why=case.why or UNSTEADY)
                       for case in _read_log(os.path.join(folder, log))[name]]
    return [case for cases in found.values() for case in cases]
