"""The benchmark's results as a table of text or of Markdown."""

SIGNS = {"ratio": "<=", "within": "<=", "times": ">=", "most": "<="}


def amount(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cells(result, names):
    row = [result["title"], result["unit"]]
    for name in names:
        one = result["servers"].get(name)
        own = f" ×{one['own']:.2f}" if one and "own" in one else ""
        row.append(f"{amount(one['median'])} ({amount(one['min'])}-{amount(one['max'])}){own}" if one else "-")
    row.append("-" if result["ratio"] is None or result["goal_kind"] == "most" else f"{result['ratio']:.2f}")
    row.append(f"{SIGNS[result['goal_kind']]} {amount(result['goal'])}" if result["goal"] is not None else "-")
    row.append({None: "-", True: "yes", False: "NO"}[result["met"]])
    rates = [result["servers"].get(name, {}).get("rate") for name in names]
    row.append(" / ".join(f"{rate:,.0f}" if rate else "-" for rate in rates) if any(rates) else "-")
    sizes = [result["servers"].get(name, {}).get("resident") for name in names]
    row.append(" / ".join(f"{size / 2**20:.1f}" if size else "-" for size in sizes) if any(sizes) else "-")
    return row


def heads(names):
    return ["row", "unit"] + [f"{name} (min-max)" for name in names] + ["ratio", "goal", "met", "per second", "resident MiB"]


def print_table(results, names, markdown):
    table = [heads(names)] + [cells(result, names) for result in results]
    if markdown:
        table.insert(1, ["---"] * len(table[0]))
        for row in table:
            print("| " + " | ".join(cell.replace("<=", "≤").replace(">=", "≥") for cell in row) + " |")
        return
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def notes(results, about):
    for text, names in about["negotiated"].items():
        yield f"negotiated: {text} ({', '.join(names)})"
    for name, version in about["versions"].items():
        yield version if version.startswith(name) else f"{name}: {version}"
    for result in results:
        shares = [f"{name} {one['share']:.0%}" for name, one in result["servers"].items() if "share" in one]
        if shares:
            yield f"{result['title']}: of the work the busiest worker did {', '.join(shares)}"
    for result in results:
        told = [one["told"] for one in result["servers"].values() if "told" in one]
        if told:
            yield f"{result['title']}: {told[0]}"
    if about["quick"]:
        yield "quick: only rows with a goal, and one round of what takes long"
    if about["resident"] != "proportional":
        yield f"resident memory is {about['resident']}: run it as root for the exact one"
    pinned = about["processors"]
    where = f"server on processor {pinned['server']}, client on {pinned['client']}" if pinned["server"] else "not pinned"
    yield f"{about['rounds']} rounds in {about['seconds']} s, {where}, load at the end {about['load']:.1f}"
    for result in results:
        for name, text in result["failures"].items():
            yield f"NOT MEASURED: {result['row']}: {name}: {text}"


def show(results, about, markdown):
    print_table(results, list(about["versions"]), markdown)
    print()
    for note in notes(results, about):
        print(f"- {note}" if markdown else note)
