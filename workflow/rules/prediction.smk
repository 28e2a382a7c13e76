"""What follows from class probabilities: calibration, and decisions on single patterns and several views."""


rule fit_calibration:
    input:
        unpack(validation_predictions),
    output:
        calibrations=at_levels("{part}calibration/{level}/{model}.json"),
    log:
        f"{RESULTS}/{{part}}logs/fit_calibration/{{model}}.log",
    benchmark:
        f"{RESULTS}/{{part}}benchmarks/fit_calibration/{{model}}.tsv"
    wildcard_constraints:
        part=r"|trained/\w+/",
    conda:
        "../../envs/evaluation.yaml"
    resources:
        mem_mb=growing(16000),
        runtime=growing(60),
    params:
        settings=config["evaluation"],
        code=code("fit_calibration.py"),
    script:
        "../scripts/fit_calibration.py"


rule decide:
    input:
        unpack(test_predictions),
        calibrations=calibrations_of_model,
    output:
        single=at_levels("{part}decisions/{level}/{model}.parquet"),
        views=at_levels("{part}views/{level}/{model}.parquet"),
    log:
        f"{RESULTS}/{{part}}logs/decide/{{model}}.log",
    benchmark:
        f"{RESULTS}/{{part}}benchmarks/decide/{{model}}.tsv"
    conda:
        "../../envs/evaluation.yaml"
    resources:
        mem_mb=growing(16000),
        runtime=growing(30),
    params:
        settings=config["evaluation"],
        code=code("decide.py"),
    script:
        "../scripts/decide.py"
