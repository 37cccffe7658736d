"""Summaries and Markdown tables of what evaluate.py measured."""

import numpy as np

#: (d) must be this much better than a competitor for the share closed to mean something.
LEAST_GAP = 0.01


def shares(members, label, competitor):
    """Shares of the gap between a competitor and (d) that (c) closes, %, where there is one."""
    result = []
    for r in members:
        gap = r["true"]["cc"] - r[competitor]["cc"]
        if gap >= LEAST_GAP:
            result.append(100 * (r[label]["scaled"]["cc"] - r[competitor]["cc"]) / gap)
    return result


def summary(rows):
    """Means over the simulated cases, per class and resolution; counts of who is better."""
    simulated = [r for r in rows if r["class"] != "real"]
    groups = {"all": simulated, "real maps": [r for r in rows if r["class"] == "real"]}
    for kind in ("protein", "nucleic", "membrane", "flexible", "halves", "deposited"):
        groups[kind] = [r for r in rows if r["class"] == kind]
    for level in (2.5, 3.5, 4.5, 6.0):
        groups[f"{level} A"] = [r for r in simulated if r["resolution"] == level]
    result = {}
    for group, members in groups.items():
        if not members:
            continue
        out = {"cases": len(members)}
        for key in ("raw", "global", "guinier", "true", "trueWeighted", "trueBest"):
            if key in members[0]:
                out[key] = round(float(np.mean([r[key]["cc"] for r in members])), 4)
        for label in ("network", "baseline"):
            if label not in members[0]:
                continue
            part = [r[label] for r in members]
            found = {
                "scaled": round(float(np.mean([p["scaled"]["cc"] for p in part])), 4),
                "bare": round(float(np.mean([p.get("bare-enhanced", p["bare"])["cc"] for p in part])), 4),
                "localB": round(float(np.mean([p["localB"] for p in part])), 3),
                "localBbare": round(float(np.mean([p.get("localB-enhanced", p["localB"]) for p in part])), 3),
            }
            for key in ("scaledWeighted", "scaledBest", "scaled-enhanced"):
                if key in part[0]:
                    found[key] = round(float(np.mean([p[key]["cc"] for p in part])), 4)
            for key in ("global", "guinier", "true"):
                better = sum(p["scaled"]["cc"] > r[key]["cc"] for p, r in zip(part, members))
                found[f"scaledAbove{key.capitalize()}"] = better
            for key in ("global", "guinier"):
                closed = shares(members, label, key)
                if closed:
                    found[f"closedFrom{key.capitalize()}"] = {
                        "cases": len(closed), "mean": round(float(np.mean(closed)), 1), "worst": round(min(closed), 1)}
            out[label] = found
        result[group] = out
    return result


def table(rows):
    """Markdown table of all cases."""
    def pair(x):
        return f"{x['cc']:.3f} / {x['fsc05']:.1f}"

    lines = ["| case | class | (a) raw | (b) best global B | Guinier | (c) network | (d) true model | (e) bare | "
             "local B r: (c), (e) | baseline (c), r |", "|" + "---|" * 10]
    for r in rows:
        n, o = r["network"], r.get("baseline")
        other = f"{o['scaled']['cc']:.3f}, {o['localB']:.2f}" if o else ""
        lines.append(
            f"| {r['name'].replace(' A', ' Å')} | {r['class']} | {pair(r['raw'])} | {pair(r['global'])} | "
            f"{pair(r['guinier'])} | {pair(n['scaled'])} | {pair(r['true'])} | "
            f"{pair(n.get('bare-enhanced', n['bare']))} | "
            f"{n['localB']:.2f}, {n.get('localB-enhanced', n['localB']):.2f} | {other} |")
    return "\n".join(lines)


def summary_table(result):
    """Markdown table of the means."""
    lines = ["| | cases | (a) | (b) | Guinier | (c) | (d) | (e) | local B r: (c), (e) | "
             "(c) above (b), Guinier, (d) | closed from (b) | closed from Guinier | baseline (c), r |", "|" + "---|" * 13]
    for group, g in result.items():
        n, o = g["network"], g.get("baseline")
        other = f"{o['scaled']:.3f}, {o['localB']:.2f}" if o else ""

        def share(key):
            c = n.get(key)
            return f"{c['mean']:.0f} % (worst {c['worst']:.0f}; {c['cases']} cases)" if c else "no gap"

        lines.append(
            f"| {group.replace(' A', ' Å')} | {g['cases']} | {g['raw']:.3f} | {g['global']:.3f} | {g['guinier']:.3f} | "
            f"{n['scaled']:.3f} | {g['true']:.3f} | {n['bare']:.3f} | "
            f"{n['localB']:.2f}, {n['localBbare']:.2f} | {n['scaledAboveGlobal']}, "
            f"{n['scaledAboveGuinier']}, {n['scaledAboveTrue']} | {share('closedFromGlobal')} | "
            f"{share('closedFromGuinier')} | {other} |")
    return "\n".join(lines)


def treatment_table(result):
    """Markdown table of means: (b), and (c) and (d) as they are, weighted as (b) is, and with a best single B too."""
    lines = ["| | cases | (b) | (c) | (d) | (c) weighted | (d) weighted | (c) weighted, best B | (d) weighted, best B |",
             "|" + "---|" * 9]
    for group, g in result.items():
        n = g["network"]
        if "scaledWeighted" not in n:  # evaluate.py --quick
            continue
        values = [g["global"], n["scaled"], g["true"], n["scaledWeighted"], g["trueWeighted"], n["scaledBest"],
                  g["trueBest"]]
        lines.append(f"| {group.replace(' A', ' Å')} | {g['cases']} | " + " | ".join(f"{v:.3f}" for v in values) + " |")
    return "\n".join(lines)


def fill(text, tables):
    """`text` with what stands between <!-- NAME --> and <!-- /NAME --> replaced by the table of that name."""
    for name, lines in tables.items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, rest = text.split(start)
        text = f"{before}{start}\n\n{lines}\n\n{end}{rest.split(end)[1]}"
    return text
