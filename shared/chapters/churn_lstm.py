"""churn_lstm: a long short-term memory reads a customer's last twelve months."""

from twotrack.shared.chapters.churn_rnn import INPUTS, RECIPES, Config
from twotrack.shared.chapters.spec import Chapter

CHAPTER = Chapter(
    slug="churn_lstm",
    title="Long short-term memory on months of customers",
    dataset="telco_monthly",
    config=Config(),
    recipes=RECIPES,
    loss="binary_cross_entropy",
    metric="roc_auc",
    margin=0.01,
    seeds=3,
    baselines=("logistic_regression",),
    input_shape=INPUTS,
)
