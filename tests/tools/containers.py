"""Takes an example for containers apart: containers.py FILE FOLDER VERSION

Looks whether its parts fit each other (names of volumes, ports, labels, places of files, the image's version), says each that does not
on a line of its own, and writes into FOLDER: mtlsd.conf, the configuration that it has; app, the command of the application for a shell;
places, a line "PLACE FOLDER NAME" for each folder that is mounted into mtlsd's container.
"""

import os
import re
import shlex
import sys

import yaml

path, folder, version = sys.argv[1:]
faults = []


def claim(true, text):
    if not true:
        faults.append(text)


def named(items, name):
    found = [item for item in items if item["name"] == name]
    claim(len(found) == 1, f"{name} stands {len(found)} times")
    return found[0]


def kubernetes(documents):
    for document in documents:
        for key in ("apiVersion", "kind", "metadata"):
            claim(key in document, f"a document without {key}")
    by_kind = {document["kind"]: document for document in documents}
    deployment, service, config = (by_kind[kind] for kind in ("Deployment", "Service", "ConfigMap"))
    pod = deployment["spec"]["template"]
    labels, spec = pod["metadata"]["labels"], pod["spec"]
    for selector in (deployment["spec"]["selector"]["matchLabels"], service["spec"]["selector"]):
        claim(selector.items() <= labels.items(), f"the selector {selector} selects no pod of these labels: {labels}")
    app, mtlsd = named(spec["containers"], "app"), named(spec["containers"], "mtlsd")
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    for container in (app, mtlsd):
        security = {**spec["securityContext"], **container["securityContext"]}
        claim(security["runAsUser"] > 0 and security["runAsNonRoot"], f"{container['name']} runs as root")
        claim(security["readOnlyRootFilesystem"] and security["capabilities"]["drop"] == ["ALL"], f"{container['name']} may more than it has to")
        for mount in container["volumeMounts"]:
            claim(mount["name"] in volumes, f"there is no volume {mount['name']}")
            claim("subPath" not in mount, "a subPath stays what it was")
    used = {mount["name"] for container in (app, mtlsd) for mount in container["volumeMounts"]}
    claim(used == set(volumes), f"volumes that nobody mounts: {set(volumes) - used}")
    ports = {port["name"]: port["containerPort"] for port in mtlsd["ports"]}
    for port in service["spec"]["ports"]:
        claim(port["targetPort"] in ports, f"no port is called {port['targetPort']}")
    for probe in ("livenessProbe", "readinessProbe"):
        claim(mtlsd[probe]["httpGet"]["port"] in ports, f"{probe} asks at a port that is not there")
    claim(volumes["conf"]["configMap"]["name"] == config["metadata"]["name"], "the configuration is mounted of another ConfigMap")
    text = config["data"]["mtlsd.conf"]
    drain = int(re.search(r"drain_timeout = (\d+)s", text)[1])
    sleeps = [int(container["lifecycle"]["preStop"]["exec"]["command"][1]) for container in (app, mtlsd)]
    claim(sleeps[0] > sleeps[1] + drain, "the application ends before mtlsd has ended with it")
    claim(spec["terminationGracePeriodSeconds"] > sleeps[0] + 10, "the pod is killed before its end")
    return text, app["command"], mtlsd["image"], mtlsd["args"], set(ports.values()), [
        (mount["mountPath"], mount["name"]) for mount in mtlsd["volumeMounts"]]


def compose(document):
    services, config = document["services"], document["configs"]["mtlsd"]
    app, mtlsd = services["app"], services["mtlsd"]
    for service in (app, mtlsd):
        claim(service["read_only"] and service["cap_drop"] == ["ALL"], "a service may more than it has to")
        claim(int(service["user"].split(":")[0]) > 0, "a service runs as root")
    claim("ports" not in app and app["network_mode"] == "none", "the application is reached by another way")
    claim(re.search(r"(?<!\$)(\$\$)*\$\{", config["content"]) is None, "Compose would put its own variables in")
    mounts = [volume.split(":")[:2] for volume in mtlsd["volumes"]]
    for source, _ in mounts:
        claim(source.startswith("./") or source in document["volumes"], f"there is no volume {source}")
    claim(mtlsd["configs"][0]["source"] == "mtlsd", "another configuration")
    place = os.path.dirname(mtlsd["configs"][0]["target"])
    text = re.sub(r'"(pki/)', rf'"{place}/\1', config["content"].replace("$$", "$"))
    return text, app["command"], mtlsd["image"], mtlsd["command"], {int(port.split(":")[1]) for port in mtlsd["ports"]}, [
        (place, "conf"), *((target, source.removeprefix("./")) for source, target in mounts)]


with open(path, encoding="utf-8") as file:
    documents = list(yaml.safe_load_all(file))
text, app, image, arguments, ports, places = compose(documents[0]) if "services" in documents[0] else kubernetes(documents)
claim(image == f"mtlsd:{version}", f"{image} is not of version {version}")
claim(arguments[:2] == ["serve", "-c"] and os.path.dirname(arguments[2]) in dict(places), f"{arguments} reads no file that is mounted")
claim(ports == {int(port) for port in re.findall(r'address\s*= "\[::\]:(\d+)"', text)}, f"the ports {ports} are not those of the configuration")
for name in re.findall(r'"(?:unix:)?(/[^"]+/[^"]+)"', text):
    claim(any(name.startswith(place + "/") for place, _ in places), f"{name} lies in no folder that is mounted")
with open(f"{folder}/mtlsd.conf", "w", encoding="utf-8") as file:
    file.write(text)
with open(f"{folder}/app", "w", encoding="utf-8") as file:
    file.write(shlex.join(app) + "\n")
with open(f"{folder}/places", "w", encoding="utf-8") as file:
    file.writelines(f"{place} {name}\n" for place, name in places)
print("\n".join(faults))
sys.exit(bool(faults))
