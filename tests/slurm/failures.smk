"""Jobs that fail the first time, under the profile and with the growing resources of the real rules."""


configfile: "config/config.yaml"


include: "../../workflow/rules/common.smk"


localrules:
    all,


rule all:
    input:
        expand("{results}/{name}", results=RESULTS, name=["memory", "time", "cancelled"]),


rule memory:
    output:
        f"{RESULTS}/memory",
    resources:
        mem_mb=growing(700),
        runtime=growing(10),
    shell:
        "python3 -c 'import time; held = bytearray(800_000_000); time.sleep(5)' && touch {output}"


rule time:
    output:
        f"{RESULTS}/time",
    resources:
        mem_mb=growing(700),
        runtime=growing(1),
    shell:
        "sleep $((180 / ({resources.runtime} ** 4))) && touch {output}"


rule cancelled:
    output:
        f"{RESULTS}/cancelled",
    resources:
        mem_mb=growing(700),
        runtime=growing(10),
    shell:
        "test {resources.runtime} -gt 10 || sleep 600; touch {output}"
