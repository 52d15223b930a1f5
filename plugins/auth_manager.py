"""Airflow's FAB auth manager, for whom a review's approvers are named as profiles name them.

    AIRFLOW__CORE__AUTH_MANAGER=plugins.auth_manager.ParlanceAuthManager

FAB knows a user by the number of a row in its database; `approval.approvers` names people. Airflow compares the ids of
those who are asked with the user's own, so FAB alone would refuse every approver.
"""

from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
from airflow.providers.fab.auth_manager.models import User


class ParlanceAuthManager(FabAuthManager):
    """FAB's users, roles and permissions; a user may answer where a task asks for him by his name."""

    def is_authorized_hitl_task(self, *, assigned_users: set[str], user: User) -> bool:
        return user.get_name() in assigned_users
